/* Telling the caller how far transfers are, one call at a time and not too often. */
#ifndef TELLER_H
#define TELLER_H

#include <pthread.h>

#include <msb/builder.h>

struct teller {
	msb_transfer_fn call; /* may be NULL */
	void *context;
	const char *image;
	pthread_mutex_t lock;
};

void teller_init(struct teller *teller, msb_transfer_fn call, void *context, const char *image);
void teller_done(struct teller *teller);
void teller_say(struct teller *teller, enum msb_transfer_state state,
		const struct msb_digest *layer);
void teller_mounted(struct teller *teller, const struct msb_digest *layer, const char *from);
/* *last_ns: when it was told last, 0 at first. */
void teller_move(struct teller *teller, const struct msb_digest *layer, uint64_t done,
		 uint64_t total, int64_t *last_ns);

#endif
