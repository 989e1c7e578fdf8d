/*
 * The builder as the command line sees it, with nothing behind it: two images, three builds, and a
 * build that tells the same story every time. For the tests of what is printed. A file for each
 * part of the headers that it stands in for.
 */
#ifndef FAKE_H
#define FAKE_H

#include <string.h>
#include <time.h>

#include <msb/digest.h>
#include <msb/records.h>

#define SECOND 1000000000LL
#define HOUR   (3600 * SECOND)

static inline int64_t ago(int64_t ns)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * SECOND + now.tv_nsec - ns;
}

static inline struct msb_digest digest(uint8_t byte)
{
	struct msb_digest d;

	memset(d.bytes, byte, sizeof(d.bytes));
	return d;
}

/* One of the three builds. */
void fake_make_build(struct msb_build *build, int64_t id);

#endif
