"""What follows a running search: TensorBoard, and a page that is rewritten."""
