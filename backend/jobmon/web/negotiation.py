"""Read the request headers that decide in which form a file goes out, and whether it goes out at all."""


def accepts_gzip(header: str) -> bool:
    """Say whether an Accept-Encoding header allows gzip."""
    weights: dict[str, bool] = {}
    for item in header.lower().replace(" ", "").split(","):
        coding, _, weight = item.partition(";")
        weights["gzip" if coding == "x-gzip" else coding] = not weight.startswith("q=") or bool(weight[2:].strip("0."))
    return weights.get("gzip", weights.get("*", False))


def is_known(tag: str, header: str) -> bool:
    """Say whether an If-None-Match header names the entity tag, which comes with its quotes; "*" names all."""
    return any(item.strip().removeprefix("W/") in {tag, "*"} for item in header.split(","))
