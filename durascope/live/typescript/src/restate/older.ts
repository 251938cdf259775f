/** What the SDK needs of Node.js 22 and an older one lacks. */

interface Resolvers {
  promise: Promise<unknown>;
  resolve: (value: unknown) => void;
  reject: (reason: unknown) => void;
}

const made = Promise as unknown as { withResolvers?: () => Resolvers };

made.withResolvers ??= () => {
  let resolve: Resolvers["resolve"] = () => undefined;
  let reject: Resolvers["reject"] = () => undefined;
  const promise = new Promise((...given) => {
    [resolve, reject] = given;
  });
  return { promise, resolve, reject };
};
