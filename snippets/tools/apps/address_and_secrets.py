"""A setting from the address, a password from a file that is not in the code."""

import hmac

import streamlit as st

COLOURS = ["blue", "orange", "green"]
asked = st.query_params.get("colour", COLOURS[0])  # .../?colour=green
if asked not in COLOURS:  # anybody can write an address
    st.warning(f"There is no colour {asked[:20]!r}; showing {COLOURS[0]}.")
    asked = COLOURS[0]
colour = st.selectbox("Colour", COLOURS, index=COLOURS.index(asked))
st.query_params["colour"] = colour  # now the address can be passed on

try:
    expected = st.secrets["password"]  # .streamlit/secrets.toml
except (FileNotFoundError, KeyError):
    st.info("No password is set: this app has no secrets.toml.")
    st.stop()

given = st.text_input("Password", type="password")
if given and hmac.compare_digest(given.encode(), expected.encode()):
    st.success(f"Welcome. The colour is {colour}.")
elif given:
    st.error("Wrong password.")
