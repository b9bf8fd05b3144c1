"""The same deployment by this toolkit and by other common tools, timed side by side: `script/bench`.

peers.py makes one inventory from our roles, `ansible/` and `pyinfra/` deploy it their way, measures.py says what is
timed, and page.py writes docs/performance.md from the results, which are kept outside the clone.
"""
