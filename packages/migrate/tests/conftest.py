collect_ignore_glob = ["scripts/*"]  # read by test_migrate.py
