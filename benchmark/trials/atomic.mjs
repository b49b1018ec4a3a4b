/** Atomic integers. */
import { join } from 'node:path'
import { MemoryMappedFile } from '#mmap-io'
import { same } from '../lib/verify.mjs'

function side(add, load, close) {
  let expected = 0n
  const run = (operations) => {
    let sum = 0n
    for (let left = operations; left > 0; left--) sum = BigInt.asUintN(64, sum + add())
    return sum
  }
  const verify = (sum, operations) => {
    const count = BigInt(operations)
    same(sum, BigInt.asUintN(64, count * expected + (count * (count - 1n)) / 2n), 'sum of the values before')
    expected += count
    same(load(), expected, 'the integer')
  }
  return { run, verify, close }
}

function ours({ path, size }) {
  const mapping = MemoryMappedFile.createRwSync(`${path}-${process.pid}`, size)
  const integer = mapping.atomicU64(8)
  return side(
    () => integer.fetchAdd(1n),
    () => integer.load(),
    () => mapping.close(),
  )
}

function rival({ size }) {
  const integers = new BigUint64Array(new SharedArrayBuffer(size))
  return side(
    () => Atomics.add(integers, 1, 1n),
    () => Atomics.load(integers, 1),
    () => {},
  )
}

export const rows = [
  {
    name: 'atomic-add',
    work: 'add 1 to a 64-bit integer that other threads may use, and get the value before',
    ours: { does: 'fetchAdd of an atomicU64', open: ours },
    rival: { does: 'Atomics.add on a BigUint64Array over a SharedArrayBuffer', open: rival },
    goal: { atMost: 1.5 },
    cache: 'hot; one integer, one thread',
    pattern: 'the same integer again and again',
    verified: 'sum over all values before, and the integer itself',
    setup: (folder) => ({ path: join(folder, 'atomic'), size: 4096, filled: 4096 }),
  },
]
