# Importing the bridge makes Keras 2 of tf.keras: not in the process of the tests, which call others.
collect_ignore = ["src"]
