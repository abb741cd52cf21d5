# Importing the bridge sets tf.keras to Keras 2, so the tests import it in subprocesses only.
collect_ignore = ["src"]
