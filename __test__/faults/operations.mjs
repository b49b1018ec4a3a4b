// Every way in which JavaScript and native code read and write the bytes of a view. Each is given a Buffer over mapped bytes and one
// over plain memory with the same bytes, and must end alike.
import { Blob, isUtf8 } from 'node:buffer'
import { createHash, randomFillSync, webcrypto } from 'node:crypto'
import { promisify } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { deflate, deflateSync, inflateSync } from 'node:zlib'

const hash = (bytes) => createHash('sha256').update(bytes).digest('hex')
const over = (Type, p) => new Type(p.buffer, p.byteOffset, p.length / Type.BYTES_PER_ELEMENT)
const bytesOf = (p) => new Uint8Array(p.buffer, p.byteOffset, p.length)

function sum(bytes) {
  let total = 0
  for (let at = 0; at < bytes.length; at += 7) total += bytes[at]
  return total
}

export const reads = {
  index: (p) => p[5],
  at: (p) => p.at(-3),
  'for of': (p) => {
    let total = 0
    for (const byte of p) total += byte
    return total
  },
  'optimised loop': (p) => {
    // Compiled with plain memory first, then used on the view.
    const plain = new Uint8Array(4096)
    for (let round = 0; round < 500; round++) sum(plain)
    return sum(bytesOf(p))
  },
  forEach: (p) => {
    let total = 0
    p.forEach((byte) => {
      total += byte
    })
    return total
  },
  every: (p) => p.every((byte) => byte === 0),
  reduce: (p) => p.reduce((total, byte) => total + byte),
  join: (p) => hash(bytesOf(p).join()),
  sorted: (p) => hash(Uint8Array.from(p).sort()),
  'Array.from': (p) => Array.from(p).length,
  spread: (p) => [...p.subarray(0, 5000)].length,
  'Uint8Array.from': (p) => hash(Uint8Array.from(p)),
  'Uint8Array of a view': (p) => hash(new Uint8Array(bytesOf(p))),
  slice: (p) => hash(Uint8Array.prototype.slice.call(p, 3)),
  'DataView.getFloat64': (p) => new DataView(p.buffer, p.byteOffset, p.length).getFloat64(11, true),
  'DataView.getBigInt64': (p) => String(new DataView(p.buffer, p.byteOffset, p.length).getBigInt64(5)),
  Float64Array: (p) => over(Float64Array, p).reduce((total, value) => total + value),
  Float32Array: (p) => over(Float32Array, p)[100],
  BigUint64Array: (p) => String(over(BigUint64Array, p)[3]),
  Int16Array: (p) => over(Int16Array, p).indexOf(99),
  'Atomics.load': (p) => Atomics.load(over(Int32Array, p), 40),
  'Atomics.load of 64 bits': (p) => String(Atomics.load(over(BigInt64Array, p), 4)),
  'Atomics.compareExchange': (p) => Atomics.compareExchange(over(Int32Array, p), 9, 99, 99),
  indexOf: (p) => p.indexOf(99),
  'indexOf a string': (p) => p.indexOf('absent'),
  lastIndexOf: (p) => p.lastIndexOf(99),
  includes: (p) => p.includes('zz'),
  equals: (p) => p.equals(Buffer.alloc(p.length)),
  compare: (p) => Buffer.compare(Buffer.alloc(p.length), p),
  copy: (p) => {
    const target = Buffer.alloc(p.length)
    return [p.copy(target), hash(target)]
  },
  'copy out by set': (p) => {
    const target = new Uint8Array(p.length)
    target.set(p)
    return hash(target)
  },
  concat: (p) => hash(Buffer.concat([p, p])),
  'Buffer.from': (p) => hash(Buffer.from(p)),
  latin1: (p) => hash(p.toString('latin1')),
  utf8: (p) => hash(p.toString()),
  ascii: (p) => hash(p.toString('ascii')),
  utf16le: (p) => hash(p.toString('utf16le')),
  base64: (p) => hash(p.toString('base64')),
  hex: (p) => hash(p.toString('hex')),
  toJSON: (p) => JSON.stringify(p.subarray(0, 5000)).length,
  readUInt8: (p) => p.readUInt8(77),
  readDoubleLE: (p) => p.readDoubleLE(50),
  readUInt32BE: (p) => p.readUInt32BE(50),
  readBigUInt64LE: (p) => String(p.readBigUInt64LE(50)),
  readUIntLE: (p) => p.readUIntLE(50, 6),
  isUtf8: (p) => isUtf8(p),
  TextDecoder: (p) => hash(new TextDecoder().decode(p)),
  'TextDecoder latin1': (p) => hash(new TextDecoder('latin1').decode(p)),
  structuredClone: (p) => hash(structuredClone(bytesOf(p))),
  'v8.serialize': (p) => hash(deserialize(serialize(p))),
  postMessage: (p) =>
    new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel()
      port2.on('message', (bytes) => {
        port2.close()
        resolve(hash(bytes))
      })
      port1.postMessage(bytesOf(p).slice())
    }),
  hash: (p) => hash(p),
  'subtle.digest': async (p) => Buffer.from(await webcrypto.subtle.digest('SHA-256', p)).toString('hex'),
  Blob: async (p) => hash(Buffer.from(await new Blob([p]).arrayBuffer())),
  deflateSync: (p) => hash(inflateSync(deflateSync(p, { level: 1 }))),
  'deflate on the pool': async (p) => {
    const pieces = [0, 1, 2, 3].map((quarter) => p.subarray((quarter * p.length) / 4, ((quarter + 1) * p.length) / 4))
    return (await Promise.all(pieces.map((piece) => promisify(deflate)(piece, { level: 1 })))).map((out) => hash(inflateSync(out)))
  },
}

export const writes = {
  index: (p) => {
    p[5] = 1
  },
  'optimised loop': (p) => {
    const store = (bytes) => {
      for (let at = 0; at < bytes.length; at += 7) bytes[at] = at
    }
    const plain = new Uint8Array(4096)
    for (let round = 0; round < 500; round++) store(plain)
    store(bytesOf(p))
  },
  fill: (p) => p.fill(3),
  'fill with text': (p) => p.fill('abc'),
  write: (p) => p.write('hello', 4090),
  'write latin1': (p) => p.write('h\xe9llo', 10, 'latin1'),
  'write hex': (p) => p.write('c0ffee', 10, 'hex'),
  set: (p) => p.set(Buffer.alloc(p.length - 3, 3), 2),
  'copy into': (p) => Buffer.alloc(p.length, 3).copy(p),
  copyWithin: (p) => {
    p[0] = 1
    bytesOf(p).copyWithin(4000, 0, 5000)
  },
  reverse: (p) => {
    p[0] = 1
    bytesOf(p).reverse()
  },
  sort: (p) => {
    p[0] = 1
    bytesOf(p).sort()
  },
  swap16: (p) => {
    p[0] = 1
    p.swap16()
  },
  swap64: (p) => {
    p[0] = 1
    p.swap64()
  },
  writeDoubleLE: (p) => p.writeDoubleLE(Math.PI, 4092),
  writeBigUInt64BE: (p) => p.writeBigUInt64BE(2n ** 60n, 4090),
  writeIntLE: (p) => p.writeIntLE(-5, 9, 6),
  'DataView.setFloat64': (p) => new DataView(p.buffer, p.byteOffset, p.length).setFloat64(4095, Math.E),
  Float64Array: (p) => over(Float64Array, p).fill(Math.PI),
  BigInt64Array: (p) => {
    over(BigInt64Array, p)[600] = -1n
  },
  'Atomics.add': (p) => Atomics.add(over(Int32Array, p), 1024, 5),
  'Atomics.store': (p) => String(Atomics.store(over(BigInt64Array, p), 600, 5n)),
  'Atomics.exchange': (p) => Atomics.exchange(over(Uint16Array, p), 3000, 5),
  encodeInto: (p) => new TextEncoder().encodeInto('h\xe9llo', bytesOf(p)).written,
  randomFillSync: (p) => {
    randomFillSync(p)
    p.fill(4)
  },
}
