"""CRC-64 as Redis computes it ("Jones", reflected, from 0): it ends every RDB file and every DUMP payload."""

import crcmod

CHECKSUM_LENGTH = 8

# crc64(received, crc=0): the checksum of these bytes, going on from the checksum of those before them.
crc64 = crcmod.mkCrcFun(0x1AD93D23594C935A9, initCrc=0, rev=True, xorOut=0)
