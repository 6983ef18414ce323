"""Who may read: keys with scopes of the service and roles of the page, and which addresses only this machine reaches.

It also counts who opens which page, and nothing more about readers.

May import: lakehouse.engine.
"""
