"""What is known of trained weights as a model card, in Markdown."""
