#include <sys/sysmacros.h>

#include "inode.h"
#include "sum.h"

enum { TAG_TREE = 0, TAG_IMAGES = 1, TAG_NAME = 2, TAG_DISK = 3 };

#define TAG_SHIFT   60
#define VIEW_SHIFT  32
#define LINK_FLAG   (UINT64_C(1) << 31)
#define NUMBER_MASK (LINK_FLAG - 1)

#define STEP_BITS   14
#define STAGE_BITS  14
#define BUILD_BITS  26
#define NAMED_SHIFT (STEP_BITS + STAGE_BITS + BUILD_BITS)
#define KIND_SHIFT  (NAMED_SHIFT + 1)

#define TREE_SHIFT  28
#define ALIKE       (UINT64_C(1) << 52)
#define BLOCK       UINT64_C(4096)

static unsigned tag_of(uint64_t id)
{
	return (unsigned)(id >> TAG_SHIFT);
}

uint64_t inode_pack(const struct inode_name *name)
{
	if (name->step >> STEP_BITS || name->stage >> STAGE_BITS || name->build >> BUILD_BITS)
		return 0;
	return (uint64_t)TAG_NAME << TAG_SHIFT | (uint64_t)name->kind << KIND_SHIFT |
	       (uint64_t)name->by_name << NAMED_SHIFT |
	       (uint64_t)name->build << (STEP_BITS + STAGE_BITS) |
	       (uint64_t)name->stage << STEP_BITS | name->step;
}

bool inode_is_name(uint64_t id)
{
	return tag_of(id) == TAG_NAME;
}

void inode_unpack(uint64_t id, struct inode_name *ret)
{
	ret->kind = (enum inode_kind)(id >> KIND_SHIFT & 31);
	ret->by_name = id >> NAMED_SHIFT & 1;
	ret->build = (uint32_t)(id >> (STEP_BITS + STAGE_BITS) & ((1U << BUILD_BITS) - 1));
	ret->stage = (uint32_t)(id >> STEP_BITS & ((1U << STAGE_BITS) - 1));
	ret->step = (uint32_t)(id & ((1U << STEP_BITS) - 1));
}

uint64_t inode_of_images(uint64_t interned)
{
	return (uint64_t)TAG_IMAGES << TAG_SHIFT | interned;
}

bool inode_is_images(uint64_t id)
{
	return tag_of(id) == TAG_IMAGES;
}

uint64_t inode_interned(uint64_t id)
{
	return id & ((UINT64_C(1) << TAG_SHIFT) - 1);
}

uint64_t inode_of_disk(uint64_t number)
{
	return (uint64_t)TAG_DISK << TAG_SHIFT | (number & ((UINT64_C(1) << TAG_SHIFT) - 1));
}

bool inode_is_disk(uint64_t id)
{
	return tag_of(id) == TAG_DISK;
}

uint64_t inode_disk_number(uint64_t id)
{
	return inode_interned(id);
}

bool inode_is_tree(uint64_t id)
{
	return tag_of(id) == TAG_TREE && id >> VIEW_SHIFT;
}

uint32_t inode_view(uint64_t id)
{
	return (uint32_t)(id >> VIEW_SHIFT);
}

bool inode_number(uint64_t id, uint32_t *ret)
{
	bool link = id & LINK_FLAG;

	*ret = (uint32_t)(id & NUMBER_MASK) - !link;
	return link;
}

uint64_t inode_of_entry(uint32_t view, uint32_t number)
{
	return (uint64_t)view << VIEW_SHIFT | (number + UINT64_C(1));
}

uint64_t inode_of_link(uint32_t view, uint32_t link)
{
	return (uint64_t)view << VIEW_SHIFT | LINK_FLAG | link;
}

static uint64_t blocks_of(uint64_t bytes)
{
	/* Whole blocks, as a disk would use: a tool takes a file with fewer for sparse. */
	return bytes / BLOCK * (BLOCK / 512) + (bytes % BLOCK ? BLOCK / 512 : 0);
}

static void stat_times(struct stat *st, int64_t seconds, long nanoseconds)
{
	st->st_mtim.tv_sec = seconds;
	st->st_mtim.tv_nsec = nanoseconds;
	st->st_atim = st->st_mtim;
	st->st_ctim = st->st_mtim;
}

uint64_t inode_path(uint64_t directory, const char *name, size_t length)
{
	return sum_seeded(directory, name, length);
}

/* The same for entries that stat() and reading cannot tell apart. */
static uint64_t number_alike(const struct msb_entry *entry, uint64_t path)
{
	const struct {
		uint64_t size, allocated, mtime_sec, xattrs, target;
		uint32_t mtime_nsec, mode, uid, gid, major, minor;
		struct msb_digest digest;
	} all = {
		.size = entry->size,
		.allocated = entry->allocated,
		.mtime_sec = (uint64_t)entry->mtime_sec,
		.xattrs = sum_seeded(path, entry->xattrs, entry->xattrs_size),
		.target = entry->type == MSB_SYMLINK ? sum_seeded(path, entry->target, entry->size)
						     : 0,
		.mtime_nsec = entry->mtime_nsec,
		.mode = msb_entry_mode(entry),
		.uid = entry->uid,
		.gid = entry->gid,
		.major = entry->device_major,
		.minor = entry->device_minor,
		.digest = entry->digest,
	};

	return ALIKE | (sum_seeded(path, &all, sizeof(all)) & (ALIKE - 1));
}

static uint64_t number_of(const struct msb_entry *entry, uint64_t tree_number, uint32_t number,
			  uint64_t path)
{
	if (entry->type == MSB_DIRECTORY)
		return tree_number << TREE_SHIFT | number;
	if (entry->link)
		return tree_number << TREE_SHIFT | INODE_LIMIT | entry->link;
	return number_alike(entry, path);
}

void inode_stat(const struct msb_entry *entry, uint64_t tree_number, uint32_t number, uint64_t path,
		struct stat *ret)
{
	*ret = (struct stat){
		.st_ino = number_of(entry, tree_number, number, path),
		.st_mode = msb_entry_mode(entry),
		.st_nlink = entry->nlink ? entry->nlink : 1,
		.st_uid = entry->uid,
		.st_gid = entry->gid,
		.st_size = (off_t)entry->size,
		.st_blksize = 128 * 1024,
	};
	stat_times(ret, entry->mtime_sec, entry->mtime_nsec);
	switch (entry->type) {
	case MSB_FILE:
		ret->st_blocks = (blkcnt_t)blocks_of(entry->allocated);
		break;
	case MSB_DIRECTORY:
		ret->st_nlink = entry->subdirectories + (nlink_t)2;
		ret->st_size = (off_t)BLOCK;
		ret->st_blocks = (blkcnt_t)(BLOCK / 512);
		break;
	case MSB_CHARACTER:
	case MSB_BLOCK:
		ret->st_rdev = makedev(entry->device_major, entry->device_minor);
		break;
	default:
		break;
	}
}

void inode_stat_name(uint64_t id, mode_t mode, uint64_t size, int64_t time_ns, struct stat *ret)
{
	int64_t seconds = time_ns / 1000000000, rest = time_ns % 1000000000;

	if (rest < 0) {
		seconds--;
		rest += 1000000000;
	}
	*ret = (struct stat){
		.st_ino = id,
		.st_mode = mode,
		.st_nlink = 1, /* of a directory: not counted */
		.st_uid = geteuid(),
		.st_gid = getegid(),
		.st_size = (off_t)size,
		.st_blksize = 128 * 1024,
		.st_blocks = S_ISREG(mode) ? (blkcnt_t)blocks_of(size) : 0,
	};
	stat_times(ret, seconds, (long)rest);
}
