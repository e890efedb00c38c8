"""A printed overview of one split."""

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.errors import counted


def summarise(split: str, annotations: AnnotationSet) -> str:
    """Summarise a split as text: totals, then a table with one line per category that occurs."""
    instances = annotations.instances
    lines = [f"{split}: {annotations.description}", f"  {counted(len(annotations.images), 'image')}, "]
    if instances:
        lines[-1] += (
            f"{counted(len(instances), 'instance')}, {sum(i.difficult for i in instances)} difficult, "
            f"{sum(i.crowd for i in instances)} crowd, "
            f"{sum(any(i.keypoints[2::3]) for i in instances)} with keypoints, "
            f"{counted(sum(len(i.parts) for i in instances), 'part')}"
        )
    else:
        lines[-1] += "no instance" + (", so metrics will be -" if split == "val" else "")
    left_out = [f"{reason.replace('_', ' ')} {count}" for reason, count in annotations.counts.items() if count]
    if left_out:
        lines.append(f"  left out: {', '.join(left_out)}")
    if instances:
        lines.append(f"  {'category':<20}{'instances':>10}{'counted':>10}{'images':>8}")
    for category in annotations.categories:
        present = [i for i in instances if i.category_id == category.id]
        if present:
            in_images = len({i.image_id for i in present})
            row = (len(present), sum(not i.ignore for i in present), in_images)
            lines.append(f"  {category.name:<20}{row[0]:>10}{row[1]:>10}{row[2]:>8}")
    return "\n".join(lines)
