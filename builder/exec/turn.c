#include "turn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <msb/cleanup.h>

#define PLACE   "running" /* in the store; empty, one byte of it stands for a key */
#define WAIT_MS 20

/* 0 with the lock. The lock is this description's and not the process's, so that threads exclude
 * each other too. */
static int try_lock(int fd, const struct msb_digest *key)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	uint64_t place;

	memcpy(&place, key->bytes, sizeof(place));
	lock.l_start = (off_t)(place >> 2);
	while (fcntl(fd, F_OFD_SETLK, &lock) < 0)
		if (errno != EINTR)
			return errno == EACCES ? -EAGAIN : -errno;
	return 0;
}

/* Nothing wakes who waits for a lock but the lock, so that is asked again and again. */
static int wait_lock(const struct turn *turn, int fd)
{
	struct pollfd stop = {turn->stop_fd, POLLIN, 0};
	int r;

	turn->waiting(turn->context);
	while ((r = try_lock(fd, turn->key)) == -EAGAIN) {
		poll(&stop, 1, WAIT_MS);
		if (stop.revents)
			return -ECANCELED;
	}
	return r;
}

int turn_take(const struct turn *turn, bool patient, int *ret_fd, struct msb_error *err)
{
	autoclose int fd = openat(msb_store_directory(turn->store), PLACE,
				  O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return msb_error_set(err, errno, "open '%s'", PLACE);
	r = try_lock(fd, turn->key);
	if (r == -EAGAIN && patient)
		r = wait_lock(turn, fd);
	if (r == -ECANCELED)
		return msb_error_say(err, ECANCELED, "the build was stopped");
	if (r < 0 && r != -EAGAIN)
		return msb_error_set(err, r, "lock '%s'", PLACE);
	*ret_fd = r < 0 ? -1 : steal_fd(&fd);
	return 0;
}
