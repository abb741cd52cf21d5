collect_ignore_glob = ["scripts/*"]  # which test_migrate.py reads
