"""What is handed over of a batch: an archive, one PDF of all, a control report."""
