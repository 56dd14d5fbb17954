"""Data: TFDS data sets, without TensorFlow → arrays on disk → splits → batches."""
