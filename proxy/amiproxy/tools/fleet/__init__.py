"""What an operator needs before a fleet runs: keys, accounts of the nats-servers, sections of proxy.yaml.

plan.py      the processes of a fleet, as the operator writes them into a file
keyfolder.py the folder with the seed of each process and the keys of positions
accounts.py  what each process may publish and subscribe to, as nats-server reads it
sections.py  the section ``fleet`` of proxy.yaml for each process
"""
