"""Make one gzip member of several, because browsers stop reading at the end of a first member.

The members that `spool.writer` makes end their data on a byte before an empty last block, so the data of one can follow
that of another without unpacking; only the checksum has to be combined. Others are unpacked and packed again. The CGI
scripts do the same with the standard library alone.
"""

import zlib
from collections.abc import Iterator, Sequence

from isal import isal_zlib

from jobmon.errors import SpoolError
from jobmon.spool import writer

MOST_UNPACKED = 256 << 20
PIECE, MOST_PIECE = 1 << 16, 1 << 20
_PLAIN = b"\x1f\x8b\x08\0"
"""How a member begins whose head has no name or other addition; the head is ten bytes then."""
_HEAD = _PLAIN + b"\0\0\0\0\0\x03"
_LAST_BLOCK = b"\x03\0"
_BYTE_BORDER = b"\0\0\xff\xff"


def unpack(contents: Sequence[bytes]) -> bytes:
    """Return what the members hold, one after the other; SpoolError when one is damaged or cut off."""
    return b"".join(unpacked(contents))


def unpacked(contents: Sequence[bytes]) -> Iterator[bytes]:
    """Yield piece by piece what the members hold; SpoolError when one is damaged or cut off."""
    left = MOST_UNPACKED
    for content in contents:
        rest = content
        while rest:
            stream = zlib.decompressobj(writer.GZIP_WINDOW)
            for start in range(0, len(rest), PIECE):
                waiting = rest[start : start + PIECE]
                while waiting and not stream.eof:
                    try:
                        piece = stream.decompress(waiting, MOST_PIECE)
                    except zlib.error as error:
                        raise SpoolError("a published file is damaged or cut off") from error
                    left -= len(piece)
                    if left < 0:
                        raise SpoolError(f"published files unpack to more than {MOST_UNPACKED >> 20} MiB")
                    if piece:
                        yield piece
                    waiting = stream.unconsumed_tail
                if stream.eof:
                    break
            if not stream.eof:
                raise SpoolError("a published file is damaged or cut off")
            rest = stream.unused_data + rest[start + PIECE :]


def length(contents: Sequence[bytes]) -> int:
    """Return how many bytes the members say that they hold; each is one member, as the spool writes them."""
    return sum(int.from_bytes(content[-4:], "little") for content in contents)


def join(contents: Sequence[bytes]) -> bytes:
    """Return one member that holds what the members hold, one after the other."""
    if not all(_is_joinable(content) for content in contents):
        return writer.compress(unpack(contents))
    checksum = size = 0
    for content in contents:
        holds = int.from_bytes(content[-4:], "little")
        checksum = isal_zlib.crc32_combine(checksum, int.from_bytes(content[-8:-4], "little"), holds)
        size = (size + holds) & 0xFFFFFFFF
    data = b"".join(content[10:-10] for content in contents)
    return _HEAD + data + _LAST_BLOCK + checksum.to_bytes(4, "little") + size.to_bytes(4, "little")


def _is_joinable(content: bytes) -> bool:
    return content.startswith(_PLAIN) and content[-14:-8] == _BYTE_BORDER + _LAST_BLOCK
