"""The numbers of the format: which byte announces what (rdb.h).

Below 245 a byte is the type of a key's value, above it says something else. Types we write are the plain ones
(STRING, LIST, SET, HASH, SORTED_SET): every server since Redis 4 loads them and chooses its own encoding. Streams have
none; STREAM_2 is what Redis 7.0 and later load.
"""

# How a string is packed, where a length begins with two one bits.
INT8 = 0
INT16 = 1
INT32 = 2
LZF = 3

# An aux field of ours: which slots are on their way here (Valkey has an opcode for it; others pass the field over).
SLOT_IMPORTS = b"slot-imports"

# Types of values.
STRING = 0
LIST = 1
SET = 2
SORTED_SET_ASCII = 3
HASH = 4
SORTED_SET = 5
MODULE_PRE_RELEASE = 6
MODULE = 7
HASH_ZIPMAP = 9
LIST_ZIPLIST = 10
SET_INTSET = 11
SORTED_SET_ZIPLIST = 12
HASH_ZIPLIST = 13
LIST_OF_ZIPLISTS = 14
STREAM_1 = 15
HASH_LISTPACK = 16
SORTED_SET_LISTPACK = 17
LIST_OF_LISTPACKS = 18
STREAM_2 = 19
SET_LISTPACK = 20
STREAM_3 = 21
HASH_WITH_TTL_PRE_RELEASE = 22  # of Redis 7.4 and later (volatile_hashes.py)
LISTPACK_WITH_TTL_PRE_RELEASE = 23
HASH_WITH_TTL = 24
LISTPACK_WITH_TTL = 25
OF_VALKEY = 256  # is added where the same number means something else behind Valkey's magic
HASH_OF_VALKEY = OF_VALKEY + 22

# Everything else in a file.
SLOT_IMPORT = 243  # of Valkey
SLOT_INFO = 244
FUNCTION = 245
FUNCTION_PRE_RELEASE = 246
MODULE_AUX = 247
IDLE = 248
FREQUENCY = 249
AUX = 250
RESIZE_DB = 251
EXPIRE_MS = 252
EXPIRE_S = 253
SELECT_DB = 254
END = 255

# What stands before each part of a module's value.
MODULE_END = 0
MODULE_SIGNED = 1
MODULE_UNSIGNED = 2
MODULE_FLOAT = 3
MODULE_DOUBLE = 4
MODULE_STRING = 5
