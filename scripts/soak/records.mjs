// Records that tell by themselves whether they are whole. Each belongs to one writer. Its first word is odd while it is being written
// and else twice the number of the write, from which all other words follow: a reader that finds the same even word before and after
// knows every byte that must lie between. What is torn, old, lost or foreign is found.
export const COUNT = 4096
export const SIZE = 64
const WORDS = SIZE / 4

const mix = (index, write, at) => (Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(write, 0x85ebca6b) ^ Math.imul(at, 0xc2b2ae35)) >>> 0

/** Bytes of a record behind its first word. */
export function payload(index, write) {
  const words = Uint32Array.from({ length: WORDS - 1 }, (_, at) => (write === 0 ? 0 : mix(index, write, at)))
  return Buffer.from(words.buffer)
}

/**
 * Writes record `index` once more; `store` puts the bytes behind the first word in place.
 *
 * @param words the file as words, mapped shared
 */
export function writeRecord(words, index, store) {
  const head = index * WORDS
  // Odd: a writer was killed half-way, and this is its successor.
  const write = Math.ceil((Atomics.load(words, head) + 1) / 2)
  Atomics.store(words, head, write * 2 - 1)
  store(index * SIZE + 4, payload(index, write))
  Atomics.store(words, head, write * 2)
}

/**
 * Reads record `index`; undefined while it is being written.
 *
 * @param words the file as words, mapped
 * @param read gives bytes of the file, in any way
 */
export function readRecord(words, index, read) {
  const head = index * WORDS
  const before = Atomics.load(words, head)
  const bytes = read(index * SIZE + 4, SIZE - 4)
  if (before % 2 === 1 || Atomics.load(words, head) !== before) return undefined
  return { write: before / 2, isWhole: payload(index, before / 2).equals(bytes) }
}

/** Words of the record read one by one, in order on every processor. */
export const readWords = (words) => (offset, length) =>
  Buffer.from(Uint32Array.from({ length: length / 4 }, (_, at) => Atomics.load(words, offset / 4 + at)).buffer)

/** A byte of a file whose bytes follow from their places. Never 0. */
export const byteAt = (place) => 1 + ((place * 31 + (place >> 8) * 7 + (place >> 16)) % 255)

export const bytesAt = (place, length) => Buffer.from(Array.from({ length }, (_, at) => byteAt(place + at)))
