"""Packages that are installed in a folder on sys.path, as pip leaves them."""

from spacy_padellm.models.named.lookup import GROUP


def install(site, package, files=(), entries=(), version="1.0"):
    """files: path in the package's folder → content. entries: name of a model → value."""
    module = package.replace("-", "_")
    (site / module).mkdir(parents=True, exist_ok=True)
    info = site / f"{module}-{version}.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    )
    for name, content in dict(files).items():
        path = site / module / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    record = [str(path.relative_to(site).as_posix()) for path in (site / module).rglob("*")]
    info.joinpath("RECORD").write_text("".join(f"{name},,\n" for name in record))
    lines = [f"{name} = {value}" for name, value in dict(entries).items()]
    info.joinpath("entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines, ""]))
    return site / module
