collect_ignore_glob = ["corpus/*", "run_scripts.py", "scripts/*"]  # read by test_corpus.py and test_migrate.py
