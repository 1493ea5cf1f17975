"""Answers at once: what a test of it measures is the load generator and the way to a process."""
from lodestone_sut import serve


class Null:
    name = "null in Python"

    def __init__(self, settings):
        pass

    def run(self, samples):
        return None


if __name__ == "__main__":
    serve(Null)
