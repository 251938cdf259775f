"""The real engines: started, run, recorded and compared with what was predicted."""
