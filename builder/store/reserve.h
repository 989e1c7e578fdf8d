/*
 * Room that is kept for collections: to take something away means to write records, which on a full
 * disk nobody could. A file that is as long and holds nothing goes when it is needed.
 */
#ifndef STORE_RESERVE_H
#define STORE_RESERVE_H

/* root: the store's directory. Both do what they can: without the reserve there is only less room.
 */
void reserve_make(int root);
/* Gives the room back where there is little. */
void reserve_spend(int root);

#endif
