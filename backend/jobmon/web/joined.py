"""Make one gzip member of several, because browsers stop reading at the end of a first member.

The members that `spool.writer` makes end their data on a byte before an empty last block, so the data of one can follow
that of another without unpacking; only the checksum has to be combined. Others are unpacked and packed again. The CGI
scripts do the same with the standard library alone.
"""

import zlib
from collections.abc import Sequence

from isal import isal_zlib

from jobmon.errors import SpoolError
from jobmon.spool import writer

MOST_UNPACKED = 256 << 20
_PLAIN = b"\x1f\x8b\x08\0"
"""How a member begins whose head has no name or other addition; the head is ten bytes then."""
_HEAD = _PLAIN + b"\0\0\0\0\0\x03"
_LAST_BLOCK = b"\x03\0"
_BYTE_BORDER = b"\0\0\xff\xff"


def unpack(contents: Sequence[bytes]) -> bytes:
    """Return what the members hold, one after the other; SpoolError when one is damaged or cut off."""
    unpacked: list[bytes] = []
    left = MOST_UNPACKED
    for content in contents:
        rest = content
        while rest:
            stream = zlib.decompressobj(writer.GZIP_WINDOW)
            try:
                unpacked.append(stream.decompress(rest, left + 1))
            except zlib.error as error:
                raise SpoolError("a published file is damaged or cut off") from error
            left -= len(unpacked[-1])
            if left < 0:
                raise SpoolError(f"published files unpack to more than {MOST_UNPACKED >> 20} MiB")
            if not stream.eof:
                raise SpoolError("a published file is damaged or cut off")
            rest = stream.unused_data
    return b"".join(unpacked)


def join(contents: Sequence[bytes]) -> bytes:
    """Return one member that holds what the members hold, one after the other."""
    if not all(_is_joinable(content) for content in contents):
        return writer.compress(unpack(contents))
    checksum = size = 0
    for content in contents:
        length = int.from_bytes(content[-4:], "little")
        checksum = isal_zlib.crc32_combine(checksum, int.from_bytes(content[-8:-4], "little"), length)
        size = (size + length) & 0xFFFFFFFF
    data = b"".join(content[10:-10] for content in contents)
    return _HEAD + data + _LAST_BLOCK + checksum.to_bytes(4, "little") + size.to_bytes(4, "little")


def _is_joinable(content: bytes) -> bool:
    return content.startswith(_PLAIN) and content[-14:-8] == _BYTE_BORDER + _LAST_BLOCK
