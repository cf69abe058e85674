"""What is true of images: the aggregate, its states, who may reach it, how it is asked for."""
