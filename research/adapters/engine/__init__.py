"""What kinds of models share: descriptions, preprocessing, class names, weights."""
