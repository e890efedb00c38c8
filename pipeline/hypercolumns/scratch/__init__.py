"""Work below `.scratch`: locked, checked when it is read, found again after a crash, moved into place when complete."""
