/** Views of small ranges. */
import { MemoryMappedFile } from '#mmap-io'
import { addRecord, firstWord, MiB, next, RECORD, recordFile, secondWord, shiftFor } from '../lib/records.mjs'
import { same } from '../lib/verify.mjs'

const SLICE = 64

function side(size, cut, close) {
  const shift = shiftFor(size / SLICE)
  const run = (operations, seed) => {
    let state = seed
    let sum = 0
    for (let left = operations; left > 0; left--) {
      state = next(state)
      const slice = cut((state >>> shift) * SLICE)
      sum = addRecord(sum, slice[0], slice[slice.length - 1])
    }
    return sum
  }
  const verify = (sum, operations, seed) => {
    let state = seed
    let expected = 0
    for (let left = operations; left > 0; left--) {
      state = next(state)
      const record = ((state >>> shift) * SLICE) / RECORD
      expected = addRecord(expected, firstWord(record) & 0xff, secondWord(record + SLICE / RECORD - 1) >>> 24)
    }
    same(sum, expected, 'sum over the slices')
  }
  return { run, verify, close }
}

function ours({ path, size }, Mapped = MemoryMappedFile) {
  const mapping = Mapped.openRoSync(path)
  return side(
    size,
    (at) => mapping.asSlice(at, SLICE),
    () => mapping.close(),
  )
}

function rival({ path, size }) {
  const mapping = MemoryMappedFile.openRoSync(path)
  const whole = mapping.asSlice()
  return side(
    size,
    (at) => whole.subarray(at, at + SLICE),
    () => mapping.close(),
  )
}

export const rows = [
  {
    name: 'as-slice',
    work: 'make a Buffer over 64 bytes and read its first and last byte',
    ours: { does: 'asSlice(at, 64)', open: ours },
    rival: { does: 'Buffer.subarray of a Buffer over the same mapping', open: rival },
    goal: { atMost: 1.3 },
    cache: 'hot MiB',
    pattern: 'uniformly random, aligned to 64 bytes',
    verified: 'sum over first and last byte of every slice',
    setup: (folder) => recordFile(folder, MiB),
  },
]
