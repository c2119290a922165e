"""Name what a job can put in the way of those who read its folder: shell commands, run in the folder of its attempt."""

PYTHON = "python3 -c"

WAYS = {
    "folder": "mkdir {}",
    "pipe": "mkfifo {}",
    "link": "ln -s /etc/passwd {}",
    "loop": "ln -s {} {}",
    "socket": PYTHON + " \"import socket; socket.socket(socket.AF_UNIX).bind('{}')\"",
    "sparse": "truncate -s 10G {}",
    "garbage": "head -c 4096 /dev/urandom >{}",
    "deep": PYTHON + " \"print('{\\\"why\\\":' + '[' * 900 + ']' * 900 + '}')\" >{}",
    "deepest": PYTHON + " \"print('[' * 100000)\" >{}",
    "numbers": 'echo \'{"why":"exit","rc":1e300,"at":1e300,"host":[],"id":-1}\' >{}',
    "nul": "printf '\\000\\000' >{}",
}
"""{} stands for the name of the record."""


def command(attempts: object, name: str, way: str, more: str = "") -> tuple[str, ...]:
    """Return a command that goes into the folder of its attempt, poisons it there, and does `more`."""
    folder = f'{attempts}/$(printf %s "$JOBMON_KEY" | sha256sum | cut -c1-2)/$JOBMON_KEY'
    made = WAYS[way].replace("{}", name)
    return ("sh", "-c", f"cd {folder} && rm -rf {name}; {made}; {more}")
