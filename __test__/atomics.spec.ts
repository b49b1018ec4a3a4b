/** Atomic integers. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { type AtomicU32, type AtomicU64, MemoryMappedFile, type MmapIoError, pageSize } from '#mmap-io'
import { prelude, run } from './support/child.ts'
import { withLiveViews } from './support/conditions.ts'
import { tempFile } from './support/files.ts'
import { outcome } from './support/outcome.ts'

const zeros = (t: ExecutionContext, bytes: number) => tempFile(t, Buffer.alloc(bytes))

interface Model {
  kind: string
  bits: number
  cell: (mapping: MemoryMappedFile, offset: number) => AtomicU64 | AtomicU32
  /** A value of the type from a bigint. */
  value: (number: bigint) => bigint | number
}

const models: Model[] = [
  { kind: 'U64', bits: 64, cell: (mapping, offset) => mapping.atomicU64(offset), value: (number) => number },
  { kind: 'U32', bits: 32, cell: (mapping, offset) => mapping.atomicU32(offset), value: Number },
]

const ordered = (a: bigint, b: bigint): [bigint, bigint] => (a < b ? [a, b] : [b, a])

const effects: Record<string, (found: bigint, value: bigint) => bigint> = {
  swap: (_, value) => value,
  fetchAdd: (found, value) => found + value,
  fetchSub: (found, value) => found - value,
  fetchAnd: (found, value) => found & value,
  fetchOr: (found, value) => found | value,
  fetchXor: (found, value) => found ^ value,
  fetchMax: (found, value) => ordered(found, value)[1],
  fetchMin: (found, value) => ordered(found, value)[0],
}

for (const { kind, bits, cell, value } of models) {
  test(`every operation of ${kind} does what BigInt says, wraps, and returns the value before`, (t) => {
    const path = zeros(t, 64)
    const mapping = MemoryMappedFile.openRwSync(path)
    const integer = cell(mapping, 16) as unknown as Record<string, (...values: unknown[]) => unknown>
    t.is(integer.offset as unknown, 16)
    const max = 2n ** BigInt(bits) - 1n
    const number = fc.oneof(fc.constantFrom(0n, 1n, max, max - 1n, max / 2n), fc.bigInt(0n, max))
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(effects)), number, number, (name, found, operand) => {
        integer.store?.(value(found))
        t.is(integer[name]?.(value(operand)), value(found))
        t.is(integer.load?.(), value(BigInt.asUintN(bits, (effects[name] as (typeof effects)[string])(found, operand))), name)
      }),
    )
    integer.store?.(value(7n))
    t.is(integer.compareExchange?.(value(8n), value(9n)), value(7n))
    t.is(integer.load?.(), value(7n))
    t.is(integer.compareExchange?.(value(7n), value(max)), value(7n))
    t.is(integer.load?.(), value(max))
    const bytes = readFileSync(path)
    t.deepEqual(bytes.subarray(16, 16 + bits / 8), Buffer.alloc(bits / 8, 0xff), 'the file has it')
    t.deepEqual(Buffer.concat([bytes.subarray(0, 16), bytes.subarray(16 + bits / 8)]), Buffer.alloc(64 - bits / 8), 'and nothing else')
    mapping.close()
  })
}

test('values that an integer cannot hold are told before anything happens', async (t) => {
  const path = zeros(t, 64)
  const mapping = MemoryMappedFile.openRwSync(path)
  const [wide, narrow] = [mapping.atomicU64(0), mapping.atomicU32(8)] as unknown as Record<string, (...values: unknown[]) => unknown>[]
  const slice = mapping.atomicU64Slice(16, 2) as unknown as Record<string, (...values: unknown[]) => unknown>
  const bad: [Record<string, (...values: unknown[]) => unknown>, unknown, string][] = [
    [wide as never, 1, 'ERR_INVALID_ARG_TYPE'],
    [wide as never, '1', 'ERR_INVALID_ARG_TYPE'],
    [wide as never, undefined, 'ERR_INVALID_ARG_TYPE'],
    [wide as never, Object(1n), 'ERR_INVALID_ARG_TYPE'],
    [wide as never, -1n, 'ERR_OUT_OF_RANGE'],
    [wide as never, 2n ** 64n, 'ERR_OUT_OF_RANGE'],
    [narrow as never, 1n, 'ERR_INVALID_ARG_TYPE'],
    [narrow as never, null, 'ERR_INVALID_ARG_TYPE'],
    [narrow as never, -1, 'ERR_OUT_OF_RANGE'],
    [narrow as never, 2 ** 32, 'ERR_OUT_OF_RANGE'],
    [narrow as never, 1.5, 'ERR_OUT_OF_RANGE'],
    [narrow as never, Number.NaN, 'ERR_OUT_OF_RANGE'],
  ]
  for (const [integer, value, code] of bad) {
    for (const name of ['store', ...Object.keys(effects)])
      t.is(await outcome(() => integer[name]?.(value)), code, `${name} ${String(value)}`)
    const good = integer === wide ? 0n : 0
    t.is(await outcome(() => integer.compareExchange?.(value, good)), code)
    t.is(await outcome(() => integer.compareExchange?.(good, value)), code)
  }
  for (const name of ['store', 'fetchAdd']) t.is(await outcome(() => slice[name]?.(0, 5)), 'ERR_INVALID_ARG_TYPE')
  for (const index of [2, -1, 0.5, Number.NaN, 2 ** 53]) {
    for (const name of ['at', 'load', 'store', 'fetchAdd'])
      t.is(await outcome(() => slice[name]?.(index, 1n)), 'ERR_OUT_OF_RANGE', `${name} ${index}`)
  }
  t.is(await outcome(() => slice.at?.('0')), 'ERR_INVALID_ARG_TYPE')
  t.deepEqual(readFileSync(path), Buffer.alloc(64))
  mapping.close()
})

test('integers side by side', (t) => {
  const path = zeros(t, 64)
  const mapping = MemoryMappedFile.openRwSync(path)
  const slice = mapping.atomicU32Slice(4, 5)
  t.deepEqual([slice.offset, slice.length], [4, 5])
  slice.store(0, 10)
  t.is(slice.fetchAdd(0, 5), 10)
  const third = slice.at(2)
  t.is(third.offset, 12)
  third.fetchSub(1)
  t.is(slice.load(2), 2 ** 32 - 1)
  t.deepEqual([...slice], [15, 0, 2 ** 32 - 1, 0, 0])
  t.deepEqual([...mapping.atomicU64Slice(64, 0)], [], 'none, at the end')
  t.is(mapping.atomicU64Slice(0, 8).at(7).load(), 0n)
  t.throws(() => mapping.atomicU64Slice(8, 8), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  t.throws(() => mapping.atomicU64Slice(0, 2 ** 53 - 1), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  t.throws(() => mapping.atomicU64Slice(72, 0), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  mapping.close()
})

test('alignment is judged by the position in the file, and told before bounds', (t) => {
  const path = zeros(t, 2 * pageSize())
  const mapping = MemoryMappedFile.openRwSync(path, { offset: pageSize() + 4, length: 100 })
  mapping.atomicU64(4).store(1n)
  mapping.atomicU32(0).store(2)
  const bytes = readFileSync(path)
  t.is(new BigUint64Array(bytes.buffer.slice(bytes.byteOffset), 0)[(pageSize() + 8) / 8], 1n)
  const error = t.throws<MmapIoError>(() => mapping.atomicU64(0))
  t.like(error, { kind: 'Misaligned', code: 'ERR_MMAP_MISALIGNED', offset: 0, required: 8 })
  t.throws(() => mapping.atomicU64(1000), { code: 'ERR_MMAP_MISALIGNED' })
  t.throws(() => mapping.atomicU32Slice(1001, 2), { code: 'ERR_MMAP_MISALIGNED' })
  t.throws(() => mapping.atomicU64(100), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
  mapping.close()
})

test('after close every operation fails with Closed, whatever became of the views', (t) => {
  for (const detach of [true, false]) {
    const mapping = MemoryMappedFile.openRwSync(zeros(t, 64))
    const [integer, slice] = [mapping.atomicU64(0), mapping.atomicU32Slice(8, 4)]
    const walk = slice[Symbol.iterator]()
    t.is(walk.next().value, 0)
    mapping.close({ detach })
    const calls = [
      () => integer.load(),
      () => integer.store(1n),
      ...(Object.keys(effects) as 'swap'[]).map((name) => () => integer[name](1n)),
      () => integer.compareExchange(0n, 1n),
      () => slice.at(0),
      () => slice.load(1),
      () => slice.store(1, 1),
      () => slice.fetchAdd(1, 1),
      () => walk.next(),
    ]
    for (const call of calls) t.throws(call, { code: 'ERR_MMAP_CLOSED' }, String(call))
    t.is(integer.offset, 0)
  }
})

for (const detach of [false, true]) {
  test(`integers go on after a resize, and are out of bounds while they are cut off (detach: ${detach})`, async (t) => {
    const path = zeros(t, 4 * pageSize())
    const mapping = MemoryMappedFile.openRwSync(path)
    const [first, last] = [mapping.atomicU64(0), mapping.atomicU64(4 * pageSize() - 8)]
    const all = mapping.atomicU64Slice(0, (4 * pageSize()) / 8)
    first.store(1n)
    last.store(2n)
    await mapping.resize(100 * pageSize(), { detach })
    t.is(first.fetchAdd(1n), 1n)
    t.is(mapping.atomicU64(0).load(), 2n, 'old and new views show the same')
    mapping.resizeSync(pageSize(), { detach })
    t.is(first.load(), 2n)
    const error = t.throws<MmapIoError>(() => last.load())
    t.like(error, { kind: 'OutOfBounds', offset: 4 * pageSize() - 8, length: 8, total: pageSize() })
    t.throws(() => last.store(5n), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
    t.is(all.load(0), 2n, 'what is left of a slice can be used')
    t.throws(() => all.load(all.length - 1), { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
    t.throws(() => [...all], { code: 'ERR_MMAP_OUT_OF_BOUNDS' })
    await mapping.resize(4 * pageSize())
    t.is(last.load(), 0n)
    last.store(3n)
    t.is(readFileSync(path).readBigUInt64LE(4 * pageSize() - 8), 3n)
    mapping.close()
  })
}

test('on a copy-on-write mapping integers are shared with nobody', (t) => {
  const path = zeros(t, 64)
  const copy = MemoryMappedFile.openCowSync(path)
  copy.atomicU64(0).store(1n)
  t.is(copy.asSlice()[0], 1)
  t.deepEqual(readFileSync(path), Buffer.alloc(64))
  copy.close()
  const readOnly = MemoryMappedFile.openRoSync(path)
  t.throws(() => readOnly.atomicU64(1), { code: 'ERR_MMAP_INVALID_MODE' }, 'mode before alignment')
  readOnly.close()
})

test('four workers lose none of 100,000 increments each', async (t) => {
  const path = zeros(t, 64)
  const times = 100_000
  const workers = [1, 2, 3, 4].map(
    (part) => new Worker(new URL('./support/atomics-worker.ts', import.meta.url), { workerData: { path, times, greatest: part * times } }),
  )
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  await Promise.all(workers.map((worker) => worker.terminate()))
  const mapping = MemoryMappedFile.openRwSync(path)
  t.is(mapping.atomicU64(8).load(), BigInt(4 * times))
  t.is(mapping.atomicU32(4).load(), 4 * times)
  t.is(mapping.atomicU32(16).load(), 4 * times - 1)
  mapping.close()
})

test('processes agree', async (t) => {
  const path = zeros(t, 64)
  const program = `${prelude}
    const mapping = MemoryMappedFile.openRwSync(path)
    const [arrived, counter, narrow] = [mapping.atomicU32(0), mapping.atomicU64(8), mapping.atomicU32(16)]
    arrived.fetchAdd(1)
    while (arrived.load() < 2); // both are there: they run at the same time
    let greatest = 0n
    for (let left = 100_000; left > 0; left--) {
      const before = counter.fetchAdd(1n)
      if (before < greatest) throw new Error('the counter ran backwards')
      greatest = before
      narrow.fetchSub(1)
    }
    mapping.close()
    print('done')`
  const ended = await Promise.all([run(program, [path]), run(program, [path])])
  for (const { stdout, stderr } of ended) t.is(stdout.trim(), '"done"', stderr)
  const mapping = MemoryMappedFile.openRwSync(path)
  t.is(mapping.atomicU64(8).load(), 200_000n)
  t.is(mapping.atomicU32(16).load(), 2 ** 32 - 200_000)
  mapping.close()
})

withLiveViews('a store of another view is seen, and the other way round', (t) => {
  const mapping = MemoryMappedFile.anonymous(4096)
  const numbers = mapping.typedArray(BigUint64Array, 0, 2)
  numbers[1] = 5n
  const integer = mapping.atomicU64(8)
  t.is(integer.swap(2n ** 64n - 1n), 5n)
  t.is(numbers[1], 2n ** 64n - 1n)
  mapping.close()
})
