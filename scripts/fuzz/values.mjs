// Random arguments: right ones by the name of their parameter, and everything else that JavaScript has.
import { openSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { optionNames, words } from './declarations.mjs'

/** What a getter or a callback of ours throws: it may come out of any call that runs it. */
export class Thrown extends Error {}

const numbers = [
  0, 1, 2, 3, 4, 7, 8, 9, 16, 63, 64, 100, 4095, 4096, 4097, 8192, 9999, 10_000, 10_001, 65_536, 2 ** 20, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1,
  2 ** 32, 2 ** 32 + 1, 2 ** 48, Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER, 2 ** 53, 1e308, -0, -1, -4096, 0.5, 4096.5,
  Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.MIN_VALUE, -(2 ** 31), -(2 ** 53),
] // biome-ignore format: a table
const bigints = [0n, 1n, -1n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n, -(2n ** 63n), 2n ** 128n]
// No string and no bytes made here have a slash: as a path they stay in the current folder, which is made for this.
const strings = [
  '',
  'a',
  'x'.repeat(300),
  'x'.repeat(10_000),
  '\0',
  'a\0b',
  '\ud800',
  'é𝒳',
  '-1',
  '0x10',
  '1e3',
  'NaN',
  'length',
  '__proto__',
]
const elements = [
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array, BigInt64Array,
  BigUint64Array,
] // biome-ignore format: a table

/**
 * @param random numbers of the current call
 * @param world what calls share: `path` for a file, `pick(kind)` for an object made earlier, `mischief()` for what user code may do in
 *   the middle of a call
 */
export function valuesFrom(random, world) {
  const { below, chance, pick } = random

  const sizes = world.isSmall ? numbers.filter((size) => !(size >= 2 ** 31 && size <= 2 ** 48)) : numbers
  const number = () => (chance(70) ? pick(sizes) : chance(50) ? below(10_001) : below(100))
  /** A number that a call may well accept. */
  const count = () => (chance(50) ? below(10_001) : pick([0, 1, 8, 64, 4096, 8192, 9999, 10_000, 10_001, 65_536]))
  const text = () => (chance(50) ? pick(words) : pick(strings))

  /** An object that runs user code when it is asked for anything. */
  function trap() {
    const answer = primitive()
    const run = () => {
      world.trapped()
      if (chance(50)) world.mischief(random)
      if (chance(15)) throw new Thrown('thrown by a trap')
      return answer
    }
    return pick([
      () => ({ valueOf: () => run(), toString: () => run() }),
      () => ({ [Symbol.toPrimitive]: () => run() }),
      () => ({ [Symbol.iterator]: () => run() }),
      () =>
        new Proxy(pick([{}, [], () => {}, new Uint8Array(8)]), {
          get: (target, name) => {
            if (chance(50)) return target[name]
            world.lies++
            return run()
          },
          has: () => Boolean(run()),
          getPrototypeOf: (target) => {
            run()
            return Reflect.getPrototypeOf(target)
          },
          ownKeys: (target) => {
            run()
            return Reflect.ownKeys(target)
          },
        }),
      () => withGetters(['length', 'byteLength', 'byteOffset', 'buffer', 'offset', 'fd', 'href', 'kind', 'id', 'then'], run),
    ])()
  }

  function withGetters(names, get) {
    return Object.defineProperties({}, Object.fromEntries(names.map((name) => [name, { get: () => get(name), enumerable: true }])))
  }

  const primitive = () => pick([number, number, text, () => pick(bigints), () => pick([true, false, null, undefined]), () => Symbol('x')])()

  function memory() {
    const size = pick([0, 1, 8, 64, 4096, 10_000])
    return pick([
      () => new ArrayBuffer(size),
      () => new ArrayBuffer(size, { maxByteLength: size * 2 }),
      () => new SharedArrayBuffer(size),
      () => new SharedArrayBuffer(size, { maxByteLength: size * 2 }),
      () => new WebAssembly.Memory({ initial: 1 }).buffer,
      () => detached(new ArrayBuffer(size)),
      () => world.pick('buffer', random) ?? new ArrayBuffer(size),
    ])()
  }

  function detached(buffer) {
    structuredClone(buffer, { transfer: [buffer] })
    return buffer
  }

  function view() {
    const given = memory()
    const buffer = isDetached(given) ? new ArrayBuffer(0) : given
    const type = pick(elements)
    const size = type.BYTES_PER_ELEMENT
    const own = pick([0, 1, 2, 7, 64, 100, 1024])
    return pick([
      () => new type(own).fill(size === 8 && type.name.startsWith('Big') ? 0x6161n : 0x61),
      () => new Uint8Array(own).fill(0x61),
      () => Buffer.alloc(own, 'a'),
      () => new type(buffer, 0, Math.floor(buffer.byteLength / size)),
      () => new Uint8Array(buffer, Math.min(3, buffer.byteLength)),
      () => new DataView(buffer),
      () => new DataView(new ArrayBuffer(64), 7, 9),
      () =>
        cutShort(new ArrayBuffer(64, { maxByteLength: 64 }), (short) => pick([new Uint8Array(short, 32, 8), new DataView(short, 32, 8)])),
      () => afterwards(new Uint8Array(own), (array) => detached(array.buffer)),
      () => afterwards(new DataView(new ArrayBuffer(8)), (array) => detached(array.buffer)),
      () => liar(own),
      () => new Proxy(new Uint8Array(own), {}),
      () => Object.create(pick([Uint8Array, DataView, ArrayBuffer, Buffer]).prototype),
      () => world.pick('view', random) ?? new Uint8Array(own),
      () => world.pick('view', random) ?? new Uint8Array(own),
    ])()
  }

  function isDetached(buffer) {
    try {
      return new Uint8Array(buffer).length < 0
    } catch {
      return true
    }
  }

  function cutShort(buffer, make) {
    const made = make(buffer)
    if (buffer.resizable) buffer.resize(16)
    return made
  }

  function afterwards(value, change) {
    change(value)
    return value
  }

  /** A typed array that tells wrong things about itself. */
  function liar(size) {
    const lies = {
      length: chance(50),
      byteLength: chance(50),
      byteOffset: chance(20),
      buffer: chance(20),
      set: chance(20),
      subarray: chance(20),
    }
    const told = pick([0, 1, 3, size * 2, 2 ** 31, -1, Number.NaN, 1e308, 1n, 'x', undefined, Symbol('x')])
    class Liar extends pick([Uint8Array, Uint32Array, Buffer]) {}
    for (const name of Object.keys(lies).filter((key) => lies[key])) {
      const get = () => {
        world.trapped()
        if (chance(10)) world.mischief(random)
        return told
      }
      Object.defineProperty(Liar.prototype, name, name === 'set' || name === 'subarray' ? { value: get } : { get })
    }
    return chance(80) ? Reflect.construct(Uint8Array, [size], Liar) : Object.defineProperty(new Uint8Array(size), 'length', { value: told })
  }

  const bytes = () => pick([text, () => `${pick(['x', 'ab', 'line\n'])}`, view, view, memory])()

  function path() {
    const file = world.path(random)
    return pick([
      () => file,
      () => file,
      () => file,
      () => Buffer.from(file),
      () => pathToFileURL(file),
      () => new URL('https://a.example'),
      text,
    ])()
  }

  function callback() {
    const action = below(4)
    return (...args) => {
      world.trapped()
      for (const arg of args) if (ArrayBuffer.isView(arg) && arg.length > 0) arg[0] = 1
      if (action === 0) world.mischief(random)
      if (action === 1) throw new Thrown('thrown by a callback')
      return action === 2 ? false : undefined
    }
  }

  /** Options in all the ways in which an object can have properties. */
  function options() {
    const chosen = Array.from({ length: below(4) }, () => pick(optionNames))
    const object = Object.fromEntries(chosen.map((name) => [name, chance(85) ? named(name) : anything()]))
    return pick([
      () => object,
      () => object,
      () => object,
      () => Object.freeze(object),
      () => Object.assign(Object.create(null), object),
      () => Object.create(object),
      () =>
        withGetters(chosen, (name) => {
          world.trapped()
          if (chance(40)) world.mischief(random)
          if (chance(10)) throw new Thrown('thrown by an option')
          return object[name]
        }),
      trap,
      anything,
    ])()
  }

  /** What the native binding wants to know of a file that is to be opened. */
  function openRequest() {
    const request = {
      mode: pick(['read-only', 'read-write', 'copy-on-write']),
      create: pick(['never', 'never', 'if-missing']),
      offset: 0,
      allocate: chance(50),
      touch: chance(50),
      hugePages: chance(10),
    }
    if (request.create !== 'never') request.size = count()
    for (let i = below(3); i > 0; i--) request[pick(Object.keys(request))] = chance(50) ? anything() : count()
    return request
  }

  /** What the native binding wants to know of a watch. */
  const watchRequest = () => ({ pollAll: chance(50), ...(chance(50) && { poll: count() }) })

  function fetchRequest() {
    const headers = {
      [pick(['range', 'if-none-match', 'if-modified-since', 'x'])]: pick(['bytes=0-9', 'bytes=-5', 'bytes=9-', '*', '"a"', 'x']),
    }
    return pick([
      () => new Request('https://a.example', { headers, method: pick(['GET', 'HEAD', 'POST']) }),
      () => ({ headers: new Headers(headers), method: pick(['GET', 'HEAD', 'get', 'x', undefined]) }),
      () => ({ headers }),
    ])()
  }

  function signal() {
    const controller = new AbortController()
    const abort = () => controller.abort(new Thrown('aborted'))
    pick([() => {}, abort, () => queueMicrotask(abort), () => controller.abort()])()
    const fake = { aborted: chance(50), addEventListener: callback(), removeEventListener: callback(), reason: new Thrown('aborted') }
    if (chance(20)) delete fake[pick(Object.keys(fake))]
    return chance(80) ? controller.signal : fake
  }

  function openFile() {
    try {
      return openSync(world.path(random), pick(['r', 'r+']))
    } catch {
      return -1
    }
  }

  const fd = () =>
    pick([
      () => (world.api.capabilities.faultGuard ? below(64) : openFile()),
      () => openFile(),
      () => ({ fd: pick([-1, 0, 2 ** 31, 'x']) }),
      () => withGetters(['fd'], () => world.mischief(random)),
    ])()

  const ranges = () =>
    pick([() => [count(), count()], () => Array.from({ length: below(4) }, () => [count(), below(5000)]), trap, anything])()
  const policy = () =>
    pick([text, () => ({ [pick(['everyBytes', 'everyWrites', 'everyMillis'])]: number() }), () => ({ everyMillis: 1 + below(5) }), trap])()

  const byName = [
    [
      /^(offset|length|count|index|chunkSize|limit|size|newSize|start|end|from|to|number|milliseconds|maxMapped|highWaterMark|debounceMs|pollMs)$/,
      count,
    ],
    [
      /^(value|expected|replacement|alignment)$/,
      () => (chance(30) ? pick(bigints) : chance(50) ? 2 ** below(world.isSmall ? 20 : 40) : number()),
    ],
    [/^(path|source|destination|root)$/, path],
    [/^(data|needle|bytes)$/, world.isNative ? view : bytes],
    [/^(target)$/, view],
    [/^(type)$/, () => (chance(90) ? pick(elements) : pick([Array, DataView, Buffer, class Other extends Uint8Array {}]))],
    [/^(fd)$/, fd],
    [/^(mmap|parent|mapping)$/, () => world.pick(chance(90) ? 'mapping' : 'object', random)],
    [/^(stop)$/, () => world.pick('object', random)],
    [/^(handle)$/, () => (chance(80) ? world.pick('handle', random) : { kind: 'mmap-io/handle', id: text() })],
    [/^(ranges)$/, ranges],
    [/^(listener|callback|onProgress)$/, callback],
    [/^(signal)$/, signal],
    [/^(options|details)$/, options],
    [/^(request)$/, () => pick([openRequest, openRequest, fetchRequest, fetchRequest, watchRequest])()],
    [/^(headers)$/, () => ({ [pick(['x', 'content-type', 'bad name', ''])]: text() })],
    [/^(flushPolicy)$/, policy],
    [/^(advice)$/, () => pick(['normal', 'random', 'sequential', 'will-need', 'dont-need', 0, 4])],
    [/^(protection|flags|advise)$/, () => below(5)],
    [/^(mode)$/, () => pick(['read-only', 'read-write', 'copy-on-write'])],
    [/^(create)$/, () => pick(['never', 'if-missing', 'truncate', 'exclusive'])],
    [/^(sparse|detach|hugePages|persistent|pollAll)$/, () => chance(50)],
    [/^(buffer)$/, () => (chance(50) ? view() : memory())],
  ]

  /** A value for a parameter of this name, right in kind if not in size. */
  const named = (name) => (byName.find(([pattern]) => pattern.test(name))?.[1] ?? text)()

  const objects = [
    () => ({}),
    () => [],
    () => [1, 2, 3],
    () => new Array(5),
    () => () => {},
    () => class {},
    () => new Date(0),
    () => /x/g,
    () => new Map([[1, 2]]),
    () => new Error('x'),
    () => Promise.resolve(1),
    () => Object.create(null),
    () => Object(1n),
    () => new Number(8),
    () => new String('read-write'),
    () => Object.freeze({ length: 1 }),
    () => afterwards(Proxy.revocable({}, {}), ({ revoke }) => revoke()).proxy,
    () => world.pick('object', random),
  ]

  /** Anything at all. */
  function anything() {
    return pick([primitive, primitive, () => pick(objects)(), trap, view, memory, callback, options, path])()
  }

  return { anything, argument: (name) => (chance(80) ? named(name) : anything()) }
}
