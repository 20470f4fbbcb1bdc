/** Who knows the answer gives it at once: the most frequent requests are answered without a turn of the loop. */
export type Awaitable<T> = T | Promise<T>;
