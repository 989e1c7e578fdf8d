#include "teller.h"

#include "remote.h"

#define EVERY_NS ((int64_t)100 * 1000000)

void teller_init(struct teller *teller, msb_transfer_fn call, void *context, const char *image)
{
	*teller = (struct teller){.call = call, .context = context, .image = image};
	pthread_mutex_init(&teller->lock, NULL);
}

void teller_done(struct teller *teller)
{
	pthread_mutex_destroy(&teller->lock);
}

static void tell(struct teller *teller, struct msb_transfer transfer)
{
	if (!teller->call)
		return;
	transfer.image = teller->image;
	pthread_mutex_lock(&teller->lock);
	teller->call(teller->context, &transfer);
	pthread_mutex_unlock(&teller->lock);
}

void teller_say(struct teller *teller, enum msb_transfer_state state,
		const struct msb_digest *layer)
{
	tell(teller, (struct msb_transfer){.state = state, .layer = layer});
}

void teller_mounted(struct teller *teller, const struct msb_digest *layer, const char *from)
{
	tell(teller,
	     (struct msb_transfer){.state = MSB_TRANSFER_MOUNTED, .layer = layer, .from = from});
}

void teller_move(struct teller *teller, const struct msb_digest *layer, uint64_t done,
		 uint64_t total, int64_t *last_ns)
{
	int64_t now = remote_clock();

	if (now - *last_ns < EVERY_NS)
		return;
	*last_ns = now;
	tell(teller,
	     (struct msb_transfer){
		     .state = MSB_TRANSFER_MOVING, .layer = layer, .done = done, .total = total});
}
