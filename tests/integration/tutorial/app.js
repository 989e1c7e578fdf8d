console.log(`hello from ${process.cwd()}, port ${process.env.PORT}`);
