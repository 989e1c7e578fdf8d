/*
 * How a mount tells collections which trees the kernel has nodes of, so that somebody may have
 * files of them open: the directory held/ in the store.
 *
 *   list.NUMBER  of one daemon, which holds a flock on it: without, it is of one that died. Slots
 *                of 32 bytes, each a tree's digest or zeros. A tree stands there before the kernel
 *                hears of it.
 *   ask          32 bytes a tree: a collection asks the daemons to let go of these, as far as
 *                nobody uses them. Renamed into place.
 *
 * The directory itself is locked (flock), shared while a tree is entered, and alone from when a
 * collection reads the lists for the last time until what is in none of them is gone.
 */
#ifndef MSB_HELD_H
#define MSB_HELD_H

#define MSB_HELD      "held"
#define MSB_HELD_LIST "list."
#define MSB_HELD_ASK  "ask"
/* Trees in one request at most. */
#define MSB_HELD_ASK_MAX 32768
/* Seconds that one of both waits for the directory's lock. */
#define MSB_HELD_PATIENCE 5

#endif
