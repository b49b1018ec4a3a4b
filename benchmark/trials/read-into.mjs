/** Blocks copied out at random places. */
import { closeSync, openSync, readSync } from 'node:fs'
import { MemoryMappedFile, pageSize } from '#mmap-io'
import { addRecord, firstWord, GiB, KiB, MiB, next, RECORD, recordFile, secondWord, shiftFor } from '../lib/records.mjs'
import { same } from '../lib/verify.mjs'

const BLOCK = 4 * KiB

/** Of each block the first and the last record are summed up: a copy that is short or shifted gives another sum. */
function side(size, read, close) {
  const shift = shiftFor(size / BLOCK)
  const block = Buffer.allocUnsafeSlow(BLOCK)
  const view = new DataView(block.buffer)
  const run = (operations, seed) => {
    let state = seed
    let sum = 0
    for (let left = operations; left > 0; left--) {
      state = next(state)
      read(block, (state >>> shift) * BLOCK)
      sum = addRecord(sum, view.getInt32(0, true), view.getInt32(BLOCK - 4, true))
    }
    return sum
  }
  const verify = (sum, operations, seed) => {
    let state = seed
    let expected = 0
    for (let left = operations; left > 0; left--) {
      state = next(state)
      const record = ((state >>> shift) * BLOCK) / RECORD
      expected = addRecord(expected, firstWord(record), secondWord(record + BLOCK / RECORD - 1))
    }
    same(sum, expected, 'sum over the blocks')
    const last = ((state >>> shift) * BLOCK) / RECORD
    for (let record = 0; record < BLOCK / RECORD; record++) {
      same(view.getInt32(record * RECORD, true), firstWord(last + record), `first word of record ${record} of the last block`)
      same(view.getInt32(record * RECORD + 4, true), secondWord(last + record), `second word of record ${record} of the last block`)
    }
  }
  return { run, verify, close }
}

function ours({ path, size }, Mapped = MemoryMappedFile) {
  const mapping = Mapped.openRoSync(path)
  const view = mapping.dataView()
  let touched = 0
  for (let at = 0; at < size; at += pageSize()) touched += view.getUint8(at)
  same(touched > 0, true, 'touched pages have content')
  return side(
    size,
    (block, at) => mapping.readInto(at, block),
    () => mapping.close(),
  )
}

function rival({ path, size }) {
  const fd = openSync(path)
  return side(
    size,
    (block, at) => readSync(fd, block, 0, BLOCK, at),
    () => closeSync(fd),
  )
}

export const rows = [
  {
    name: 'read-into-4k',
    work: 'copy a random 4 KiB block of 1 GiB into a buffer (quick: 16 MiB)',
    ours: { does: 'readInto', open: ours },
    rival: { does: 'fs.readSync into the same buffer', open: rival },
    goal: { atLeast: 2 },
    cache: 'warm; all pages mapped beforehand',
    pattern: 'uniformly random, aligned to 4 KiB',
    verified: 'sum over first and last word of every block; every byte of the last block of each slice',
    setup: (folder, quick) => recordFile(folder, quick ? 16 * MiB : GiB),
  },
]
