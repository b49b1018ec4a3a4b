// Which of the platform packages in npm/ is for this machine.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './run.mjs'

export function platformPackage() {
  const libc = process.platform === 'linux' ? (process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl') : undefined
  for (const name of readdirSync(join(root, 'npm'))) {
    const folder = join(root, 'npm', name)
    const contents = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    if (contents.os[0] !== process.platform || contents.cpu[0] !== process.arch || contents.libc?.[0] !== libc) continue
    return { folder, contents, binary: contents.main }
  }
  throw new Error(`npm/ has no package for ${process.platform} on ${process.arch}`)
}
