"""What each port promises. An adapter passes all of its port's contract or is not one."""
