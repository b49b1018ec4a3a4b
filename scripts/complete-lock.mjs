// Adds to package-lock.json the optional packages of other platforms that `npm install` left out. npm leaves out what the registry in
// use does not have, and `npm ci` refuses a lock file with such a gap. Run it after an `npm install` that changed the lock file.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './lib/run.mjs'

const path = join(root, 'package-lock.json')
const lock = JSON.parse(readFileSync(path, 'utf8'))
const { packages } = lock
let added = 0
for (const [from, { dev, optionalDependencies = {} }] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (resolves(from, name)) continue
    if (!/^\d/.test(version)) throw new Error(`${from} asks for ${name} ${version}, which is no exact version`)
    const { os, cpu, libc } = platformOf(name)
    packages[`node_modules/${name}`] = { version, cpu, dev, libc, optional: true, os } // in npm's order, undefined ones are not written
    added += 1
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en')))
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
console.log(`${added} packages added`)

/** Whether a package of the lock file is found from the folder `from`, as Node looks for it. */
function resolves(from, name) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (packages[join(folder, 'node_modules', name).replaceAll('\\', '/')]) return true
    if (folder === '') return false
  }
}

/** What the name of a platform package says, as its own package.json does: npm skips the package on other platforms. */
function platformOf(name) {
  const [, os, cpu, abi] = /-(?:(android|darwin|freebsd|linux|openbsd|openharmony|win32)-)?([a-z]+\d+x?|arm)(?:-(\w+))?$/.exec(name)
  return { os: os && [os], cpu: [cpu], libc: os === 'linux' ? [abi?.startsWith('musl') ? 'musl' : 'glibc'] : undefined }
}
