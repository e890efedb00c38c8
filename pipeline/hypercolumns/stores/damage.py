"""A fault of a store, as one line."""

from dataclasses import dataclass

from hypercolumns.stores.arrays import describe


@dataclass(frozen=True, order=True)
class Damage:
    """A fault of a file or an array of a store."""

    place: str
    """The file, with array and shard if it is a shard; or the array."""
    fault: str

    @classmethod
    def of_file(cls, file: str, fault: str) -> "Damage":
        """Fault of a file, by its path below the folder of the store."""
        return cls(describe(file), fault)

    @classmethod
    def of_array(cls, name: str, fault: str) -> "Damage":
        """Fault of an array as a whole."""
        return cls(f"the array {name!r}", fault)

    def __str__(self) -> str:
        line = f"{self.place}: {self.fault}"
        return line if line.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)
