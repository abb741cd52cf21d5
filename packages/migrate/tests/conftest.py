collect_ignore_glob = ["corpus/*", "scripts/*"]  # read by test_corpus.py and test_migrate.py
