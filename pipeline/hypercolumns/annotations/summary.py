"""A printed overview of one split."""

from hypercolumns.annotations.model import AnnotationSet


def summarise(split: str, annotations: AnnotationSet) -> str:
    """Summarise a split as text: totals, then a table with one line per category that occurs."""
    instances = annotations.instances
    lines = [
        f"{split}: {annotations.description}",
        f"  {len(annotations.images)} images, {len(instances)} instances, "
        f"{sum(i.difficult for i in instances)} difficult, {sum(i.crowd for i in instances)} crowd, "
        f"{sum(any(i.keypoints[2::3]) for i in instances)} with keypoints, {sum(len(i.parts) for i in instances)} parts"
        + "".join(
            f", {count} {reason.replace('_', ' ')} left out" for reason, count in annotations.counts.items() if count
        ),
        f"  {'category':<20}{'instances':>10}{'counted':>10}{'images':>8}",
    ]
    for category in annotations.categories:
        present = [i for i in instances if i.category_id == category.id]
        if present:
            counted, images = sum(not i.ignore for i in present), len({i.image_id for i in present})
            lines.append(f"  {category.name:<20}{len(present):>10}{counted:>10}{images:>8}")
    return "\n".join(lines)
