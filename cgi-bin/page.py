#!/usr/bin/python3 -IS
"""Serve jobmon's published files as they are stored, behind any web server that runs CGI.

One program under four names, which does what its name says:

    data.py                the newest snapshot; with ?time=EPOCH the stored one that is nearest to that time
    history.py             the use of cores over time
    backfill.py            what could start now
    page.py?name=PAGE      a file of the page, such as live/summary; several names give one document per line

The files are in the folder that the environment variable JOBMON_DATA_PATH names, else in /var/spool/jobmon; those of
the page are in `pages` below it, and no name leads out of there. It needs Python 3.9 or newer and nothing else; where
that is not /usr/bin/python3, change the first line (-IS halves the start). Few modules are imported, because every
request starts an interpreter.
"""

import errno
import os
import sys

FOLDER = "/var/spool/jobmon"
NAMES = ("data{}.json.gz", "history.json.gz", "backfill.json.gz")
PAGES = "pages"
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789_-"
MAX_NAMES = 24
MAX_BYTES = 64 << 20
MAX_UNPACKED = 256 << 20
REASONS = {
    200: "OK",
    304: "Not Modified",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
# What the daemon's gzip members have around their data: a head of ten bytes without a name, an empty last block behind.
PLAIN = b"\x1f\x8b\x08\0"
HEAD = PLAIN + b"\0\0\0\0\0\x03"
LAST_BLOCK = b"\x03\0"
BYTE_BORDER = b"\0\0\xff\xff"
NULL = HEAD + b"\xca\x2b\xcd\xc9\xe1\x02\0" + BYTE_BORDER + LAST_BLOCK + b"\x6e\x91\x91\xd4\x05\0\0\0"  # null\n


class ProblemError(Exception):
    """A status other than success, and a sentence about it."""


def main():
    method = os.environ.get("REQUEST_METHOD", "GET")
    try:
        status, headers, body = respond(method, os.path.basename(sys.argv[0]), os.environ.get("QUERY_STRING", ""))
    except ProblemError as problem:
        status, headers, body = explain(*problem.args)
    except Exception as error:  # noqa: BLE001 - whatever happens, the reader gets an answer and the server's log a line
        print(f"jobmon: {sys.argv[0]}: {error!r}", file=sys.stderr)
        status, headers, body = explain(500, "The file could not be served; the web server's log says why.")
    lines = [f"Status: {status} {REASONS[status]}", "X-Content-Type-Options: nosniff", *headers]
    if status != 304:
        lines.append(f"Content-Length: {len(body)}")
    rest = "\r\n".join([*lines, "", ""]).encode()
    if method != "HEAD" and status != 304:
        rest += body
    try:
        while rest:
            rest = rest[os.write(1, rest) :]
    except BrokenPipeError:  # the reader has left; nobody is there to be told
        return


def respond(method, program, query):
    """Return status, header lines and body."""
    if method not in ("GET", "HEAD"):
        raise ProblemError(405, "Only GET and HEAD are answered here.")
    folder = os.environ.get("JOBMON_DATA_PATH") or FOLDER
    headers = ["Vary: Accept-Encoding", "Content-Type: application/json"]
    lasting = False
    if program == "page.py":
        names = values_of(query, "name")
        if not 1 <= len(names) <= MAX_NAMES or not all(is_page(name) for name in names):
            raise ProblemError(400, f"Give 1 to {MAX_NAMES} names of pages, such as ?name=live/summary.")
        files = [load(folder, PAGES + "/" + name + ".json.gz") for name in names]
        if len(names) > 1:
            check_folder(folder, files)
            headers[1] = "Content-Type: application/x-ndjson"
        lasting = all(is_lasting(name) for name in names) and None not in files
    else:
        time, file = find(folder, program, values_of(query, "time") if program == "data.py" else [])
        files = [file]
        if time is not None:
            headers.append(f"X-Jobmon-Time: {time}")
    if files == [None]:
        check_folder(folder, files)
        raise ProblemError(404, "There is no such file, or not yet.")
    packed = accepts_gzip(os.environ.get("HTTP_ACCEPT_ENCODING", ""))
    tag = '"' + ".".join(file[1] if file else "0" for file in files) + ("-gzip" if packed else "") + '"'
    headers.append(f"ETag: {tag}")
    headers.append("Cache-Control: " + ("public, max-age=31536000, immutable" if lasting else "no-cache"))
    if is_known(tag, os.environ.get("HTTP_IF_NONE_MATCH", "")):
        return 304, headers, b""
    contents = [file[0] if file else NULL for file in files]
    if not packed:
        return 200, headers, unpack(contents)
    return 200, [*headers, "Content-Encoding: gzip"], contents[0] if len(contents) == 1 else join(contents)


def explain(status, detail):
    """Return a problem as an answer; `detail` holds nothing that came from outside."""
    headers = ["Content-Type: application/problem+json", "Cache-Control: no-store"]
    if status == 405:
        headers.append("Allow: GET, HEAD")
    return status, headers, f'{{"title":"{REASONS[status]}","status":{status},"detail":"{detail}"}}\n'.encode()


def values_of(query, name):
    """Return all values that a query has for a name."""
    values = []
    for pair in query.split("&"):
        key, _, value = pair.partition("=")
        if key == name:
            first, *rest = value.split("%")
            try:
                values.append(first + "".join(chr(int(part[:2], 16)) + part[2:] for part in rest))
            except ValueError:
                raise ProblemError(400, "The query is not well formed.") from None
    return values


def is_page(name):
    parts = name.split("/")
    return (
        len(parts) <= 4
        and not parts[0].strip(LETTERS[:26])
        and all(0 < len(part) <= 64 and not part.strip(LETTERS) for part in parts)
    )


def is_lasting(name):
    """Say whether a page never changes, such as a closed chunk of series: four words, the last one a number."""
    parts = name.split("/")
    return len(parts) == 4 and parts[3].isdigit()


def find(folder, program, times):
    """Return the time of the chosen snapshot (None for a file without one) and its file."""
    index = load(folder, "cgi.index")
    lines = index[0].decode().split("\n") if index else []
    snapshots, history, backfill = lines[0].split("\t") if index else NAMES
    if not times:
        plain = {"data.py": snapshots.replace("{}", ""), "history.py": history, "backfill.py": backfill}
        if program not in plain:
            raise ProblemError(404, "This program does not know its name: data.py, history.py, backfill.py or page.py.")
        return None, load(folder, plain[program])
    wanted = parse_time(times[-1])
    stored = [int(line) for line in lines[1:] if line.isdigit()] if index else scan(folder, *snapshots.split("{}"))
    for time in by_distance(stored, wanted):  # one that was purged since is passed over
        file = load(folder, snapshots.replace("{}", str(time)))
        if file:
            return time, file
    return None, None


def parse_time(text):
    whole, _, fraction = text.partition(".")
    if not (text.isascii() and whole.isdigit() and len(whole) <= 12 and (not fraction or fraction.isdigit())):
        raise ProblemError(400, "The time must be epoch seconds, such as ?time=1760000000.")
    return float(text)


def scan(folder, head, tail):
    """Return the times of the snapshots in a folder that has no index."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(head) and entry.name.endswith(tail)]
    except OSError:
        return []  # what is wrong with the folder is told by check_folder
    stamps = [name[len(head) : len(name) - len(tail)] for name in names]
    return sorted(int(stamp) for stamp in stamps if stamp.isascii() and stamp.isdigit() and len(stamp) <= 12)


def by_distance(times, wanted):
    """Yield the ascending `times` by their distance from `wanted`, the earlier of two first."""
    import bisect

    after = bisect.bisect_left(times, wanted)
    before = after - 1
    while before >= 0 or after < len(times):
        if after == len(times) or (before >= 0 and wanted - times[before] <= times[after] - wanted):
            yield times[before]
            before -= 1
        else:
            yield times[after]
            after += 1


def load(folder, name):
    """Return a file's content and a tag of its version; None when there is no such plain file without a link to it."""
    handle = None
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for part in name.split("/"):
            above, handle = handle, None
            try:
                handle = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=above)
            finally:
                os.close(above)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link or a socket, which the daemon never makes
            return None
        raise ProblemError(503, "The published files cannot be read.") from None
    try:
        status = os.fstat(handle)
        if status.st_mode & 0o170000 != 0o100000:
            return None
        if status.st_size > MAX_BYTES:
            raise ProblemError(503, "The published file is too large to be served.")
        with open(handle, "rb", closefd=False) as file:
            return file.read(MAX_BYTES), f"{status.st_mtime_ns:x}-{status.st_size:x}"
    finally:
        os.close(handle)


def check_folder(folder, files):
    """Complain when nothing was found because there is no folder at all."""
    if not any(files) and not os.path.isdir(folder):
        raise ProblemError(
            503, "The folder of the published files is missing; does the daemon run, and with this data_path?"
        )


def accepts_gzip(header):
    others = False
    for item in header.lower().split(","):
        coding, _, weight = item.replace(" ", "").partition(";")
        accepted = not weight.startswith("q=") or bool(weight[2:].strip("0."))
        if coding in ("gzip", "x-gzip"):
            return accepted
        if coding == "*":
            others = accepted
    return others


def is_known(tag, header):
    """Say whether a reader that sends this If-None-Match has the version `tag`."""
    known = [item.strip() for item in header.split(",")]
    return "*" in known or tag in [item[2:] if item.startswith("W/") else item for item in known]


def unpack(contents):
    import zlib

    plain = []
    left = MAX_UNPACKED
    for content in contents:
        rest = content
        while rest:
            stream = zlib.decompressobj(31)
            try:
                plain.append(stream.decompress(rest, left + 1))
            except zlib.error:
                raise ProblemError(500, "The published file is damaged.") from None
            left -= len(plain[-1])
            if left < 0:
                raise ProblemError(503, "The published file is too large to be unpacked.")
            if not stream.eof:
                raise ProblemError(500, "The published file is cut off.")
            rest = stream.unused_data
    return b"".join(plain)


def join(contents):
    """Return one gzip member of several, because browsers stop reading at the end of a first member.

    The daemon's members end their data on a byte before the empty last block, so the data of one can follow that of
    another; only the checksum has to be worked out. Others are packed again.
    """
    if any(content[:4] != PLAIN or content[-14:-8] != BYTE_BORDER + LAST_BLOCK for content in contents):
        import zlib

        stream = zlib.compressobj(1, zlib.DEFLATED, 31)
        return stream.compress(unpack(contents)) + stream.flush()
    checksum = size = 0
    powers = [1 << 23]  # x to the powers 8, 16, 32, ...; the highest bit is the constant term
    while len(powers) < 32:
        powers.append(multiply(powers[-1], powers[-1]))
    for content in contents:
        length = int.from_bytes(content[-4:], "little")
        # What a CRC-32 becomes when bytes follow: it, times x to the power of 8 x their number.
        for bit, power in enumerate(powers):
            if length >> bit & 1:
                checksum = multiply(checksum, power)
        checksum ^= int.from_bytes(content[-8:-4], "little")
        size += length
    data = b"".join(content[10:-10] for content in contents)
    return HEAD + data + LAST_BLOCK + checksum.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def multiply(a, b):
    """Return the product of two polynomials modulo that of CRC-32."""
    product = 0
    while a:
        if a & 0x80000000:
            product ^= b
        a = a << 1 & 0xFFFFFFFF
        b = b >> 1 ^ (0xEDB88320 if b & 1 else 0)
    return product


if __name__ == "__main__":
    main()
    os._exit(0)  # everything is written; tidying up an interpreter takes as long as the answer
