/* What mounts of a store have open, as they tell it (msb/held.h), for the collection. */
#ifndef PINS_H
#define PINS_H

#include <stddef.h>

#include <msb/digest.h>
#include <msb/error.h>
#include <msb/store.h>

struct pins {
	int directory; /* -1: no mount ever told anything */
};

int pins_open(struct msb_store *store, struct pins *ret, struct msb_error *err);
void pins_done(struct pins *pins);

/* Every tree in the lists of daemons that live, some several times; lists of dead ones go. */
typedef int (*pins_fn)(void *context, const struct msb_digest *tree, struct msb_error *err);
int pins_each(struct pins *pins, pins_fn each, void *context, struct msb_error *err);

/* Asks the daemons to let go of these trees, as far as nobody uses them. The lists then shrink. */
int pins_ask(struct pins *pins, const struct msb_digest *trees, size_t count,
	     struct msb_error *err);

/* From here to pins_done() nothing new can come into the lists, and mounts wait that want it. */
int pins_lock(struct pins *pins, struct msb_error *err);

#endif
