/** The file that reading trials use: records of 8 bytes that can be computed from their number, so that every read can be verified. */
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export const KiB = 1024
export const MiB = 1024 * KiB
export const GiB = 1024 * MiB
export const RECORD = 8

/** The two words of a record; both are little-endian in the file, as every machine is that this package runs on. */
export const firstWord = (record) => Math.imul(record + 1, 0x9e3779b1)
export const secondWord = (record) => Math.imul(record ^ 0x5bd1e995, 0x85ebca6b)

export const addRecord = (sum, first, second) => ((sum + first) | 0) ^ second

/**
 * Steps of a generator with period 2^32; its high bits are the good ones. A table of positions would be read over and over, and with it
 * the same few megabytes of the file.
 */
export const next = (state) => (Math.imul(state, 1664525) + 1013904223) | 0

/** How far to shift a state right so that it becomes a number below `count`, a power of two. */
export const shiftFor = (count) => 32 - Math.log2(count)

/** What reading `operations` random records must sum up to; of `count` random numbers `toRecord` makes records. */
export function sumOfRecords(operations, seed, count, toRecord = (number) => number) {
  const shift = shiftFor(count)
  let state = seed
  let sum = 0
  for (let left = operations; left > 0; left--) {
    state = next(state)
    const record = toRecord(state >>> shift)
    sum = addRecord(sum, firstWord(record), secondWord(record))
  }
  return sum
}

/**
 * A file of records that is `size` bytes long; bytes from `filled` on are a hole. Made once for all rows that ask for the same, and
 * synced, so that no write-back disturbs the trials.
 */
export function recordFile(folder, size, filled = size) {
  const path = join(folder, `records-${size}-${filled}.bin`)
  const file = { path, size, filled }
  if (existsSync(path)) return file
  const chunk = new Int32Array(Math.min(filled, MiB) / 4)
  const fd = openSync(path, 'wx')
  try {
    for (let at = 0; at < filled; at += chunk.byteLength) {
      for (let word = 0, record = at / RECORD; word < chunk.length; word += 2, record++) {
        chunk[word] = firstWord(record)
        chunk[word + 1] = secondWord(record)
      }
      if (writeSync(fd, chunk, 0, chunk.byteLength, at) !== chunk.byteLength) throw new Error(`${path}: short write`)
    }
    ftruncateSync(fd, size)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  return file
}
